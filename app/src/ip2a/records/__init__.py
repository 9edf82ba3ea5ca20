"""What plain records share: reading them by page, adding, changing one version into the next."""
