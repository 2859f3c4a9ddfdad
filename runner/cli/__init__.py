"""click commands, one file a group, loaded lazily; no logic."""
