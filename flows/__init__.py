"""The runs a person starts or schedules."""
