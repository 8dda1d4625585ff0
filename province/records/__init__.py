"""What stands in the register and is read, erased, retained, audited and backed up."""
