"""What a search costs on a Raspberry Pi 3B: counted instructions, and seconds by estimate."""
