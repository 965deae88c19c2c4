-- What followed an event is asked for by the event.
create index automation_firing_by_cause on automation_firing (cause_seq);
