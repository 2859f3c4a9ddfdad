"""`Record`: schema, versions, upgrades, the ticket's field names."""
