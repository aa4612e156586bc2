"""Providers that come with this distribution: one module each; none knows another."""
