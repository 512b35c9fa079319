"""Bad input by the case: each makes its bytes when asked, and names the codes that it must get."""
