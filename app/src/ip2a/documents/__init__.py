"""Files of members, applicants and staff: rows here, bytes on S3, straight between browser and S3."""
