"""i-PI and the driver at work in a directory of a run: started, followed, recorded and ended."""
