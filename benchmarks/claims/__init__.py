"""What the papers claim, by system, on this ground; some leave their JSON beside them."""
