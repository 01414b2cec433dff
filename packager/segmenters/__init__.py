"""The programs that cut an encoded track into segments."""
