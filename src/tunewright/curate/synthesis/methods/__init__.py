"""The methods of synthesis: one small file each, registered in `METHODS`."""
