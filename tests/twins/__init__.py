"""What several tests share: reference twins, random problems, places, processes."""
