"""The province's keys: of days, officers and certificates; where they are kept, and what they wrap."""
