"""Other optimisers on flash's tables, each as its own users would set it up; one file each."""
