"""What the command prints: tables for people, JSON for programs."""
