"""What the staff's console is made of: lists that stay fast, records that explain, deeds that call services."""
