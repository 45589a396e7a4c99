"""Kibana's side: the saved objects that come with this program, and their way into a Kibana."""
