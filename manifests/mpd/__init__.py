"""The extended MPD: bytes to domain types and back."""
