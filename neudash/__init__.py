"""The front door: `neudash <command>`, and the commands that belong to no program."""
