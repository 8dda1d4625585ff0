"""From the broker into the register: checked, opened, stored once, receipted."""
