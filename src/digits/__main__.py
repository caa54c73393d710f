"""Run the command: `python -m digits` is `digits`."""

from digits.cli import main

if __name__ == "__main__":
    main()
