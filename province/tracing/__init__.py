"""Who shared air with somebody: a case's stays, places and contacts, its sheets and pictures, its pages."""
