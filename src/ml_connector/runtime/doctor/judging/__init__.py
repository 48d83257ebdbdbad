"""What the doctor makes of what it saw: pure, so that each verdict can be read and tried by itself."""
