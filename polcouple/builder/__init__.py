"""New cases: structure, force field and i-PI's inputs."""
