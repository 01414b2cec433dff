"""The contract between the programs: domain types, the extended MPD, the model format, the bundle on disk."""
