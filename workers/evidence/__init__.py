"""Evidence: what is measured on images, codes and answers, and how it becomes a verdict. Pure functions of arrays."""
