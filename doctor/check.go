package doctor

// Check applies every rule to the facts and returns the findings, the worst first. It looks at nothing but f. Where the
// server was not reached that is one finding, and not one of each rule that would have asked it something.
func Check(f *Facts) []Finding {
	rules := []func(*Facts) []Finding{checkReach}
	if f.Hello.seen() {
		rules = append(rules, checkVersion, checkPayload, checkTLS, checkAuth)
	}
	if f.Hello.seen() || f.Varz.seen() {
		rules = append(rules, checkSync, checkStore, checkServerClock)
	}
	if f.Trip.seen() {
		rules = append(rules, checkJetStream, checkMissing, checkConfig, checkRetention, checkWindow, checkReplicas, checkRoom,
			checkMaxDeliver, checkAckWait, checkAckPending, checkPaused,
			checkWorkers, checkLag, checkOldest, checkDead, checkAdvisories, checkLetters, checkPlan,
			checkFixes, checkStationClock, checkResiduals, checkPositions, checkSilent, checkWorkerClock)
	}
	rules = append(rules, checkRedis, checkRedisMemory, checkRedisVersion, checkRuntime, checkModel,
		checkFiles, checkDisk, checkProcessors, checkClock)
	var all []Finding
	for _, rule := range rules {
		all = append(all, rule(f)...)
	}
	sortFindings(all)
	return all
}

// Reached says whether the server was looked at at all: greeted, and connected to with the credentials given.
func (f *Facts) Reached() bool { return f.Trip.seen() }
