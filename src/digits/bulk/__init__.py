"""Reading of many pictures: from files, wherever they are, to tables."""
