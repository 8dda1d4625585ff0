"""Signed health passes (`HC1:`), verified offline against a file of trusted issuers. Pure: text, trust list and time are passed in."""
