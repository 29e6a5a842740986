"""The ops that the doctor knows, by name. One file per family."""
