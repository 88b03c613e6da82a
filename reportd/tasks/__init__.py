"""Tasks: functions of the application's that are kinds of jobs. See `reportd.tasks.definition`."""
