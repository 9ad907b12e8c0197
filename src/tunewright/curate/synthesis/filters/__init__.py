"""The filters of synthesis: one small file each, registered in `FILTERS`."""
