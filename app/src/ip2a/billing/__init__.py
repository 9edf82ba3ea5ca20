"""What is owed: generating months of dues, adjustments with approval, marking what is overdue."""
