"""measure: real inference of networks on the user's own hardware."""
