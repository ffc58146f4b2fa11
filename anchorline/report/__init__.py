"""What was seen and done, for people and for programs: one report, and a form of it for each reader."""
