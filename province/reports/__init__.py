"""What is counted and told each day: figures by place, organisation and unit, the forms of 2021, the province's roll-up."""
