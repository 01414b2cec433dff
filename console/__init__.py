"""One way to be a command: options, outputs, progress, errors in one line, exit codes."""
