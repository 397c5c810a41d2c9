package jetstream

// Overtakers is overtakers.
func Overtakers(lags map[string]uint64) (light []string, heavy int) { return overtakers(lags) }
