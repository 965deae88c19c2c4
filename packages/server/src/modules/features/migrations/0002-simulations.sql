-- The copy of a set that a simulation reads names the endpoint that is imitated; taken out of use it is erased.
alter table features_set add column simulation_of text;
