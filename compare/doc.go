// Package compare holds two arms of a roll-out against each other: what each answered, how fast, how sure, and, where the
// truth is known, how well; and says of every difference whether it is more than chance.
//
//	c := compare.New(compare.Options{A: messages.ArmChampion, B: messages.ArmChallenger})
//	for each fix { c.Add(fix) }
//	report, err := c.Report()
//
// # What it rests on
//
// The unit is the session, as fixes of one session share a transmitter and its surroundings and are not independent; a capture
// without a session is its own. Every variance is therefore that of the delete-one-cluster jackknife (CR3: Bell and McCaffrey,
// Bias reduction in standard errors for linear regression with multi-stage samples, Survey Methodology 28, 2002; Cameron and
// Miller, A practitioner's guide to cluster-robust inference, Journal of Human Resources 50, 2015), and its degrees of freedom
// are Satterthwaite's for sessions of unequal size whose fixes agree entirely, the worst case.
//
//   - A mean of logarithms, which is a geometric mean, has Student's interval.
//   - A share has Wilson's interval (1927) with the effective sample size and Student's quantile, as Korn and Graubard do
//     (Survey Methodology 24, 1998; compared by Dean and Pagano, Journal of Survey Statistics and Methodology 3, 2015).
//   - A quantile has Woodruff's interval (Journal of the American Statistical Association 47, 1952): order statistics, at the
//     ranks that the clustered share below the quantile allows (Deng, Knoblich and Lu, Applying the delta method in metric
//     analytics, KDD 2018).
//   - A difference has the interval that follows from those of its two sides: Newcombe's method 10 for shares (Statistics in
//     Medicine 17, 1998), and the same for any estimate, with the correlation of arms that answered the same captures (Zou,
//     Toward using confidence intervals to compare correlations, Psychological Methods 12, 2007; Zou and Donner, Statistics in
//     Medicine 27, 2008).
//   - Several measures at once: Holm (Scandinavian Journal of Statistics 6, 1979). A rule's clauses: Bonferroni, as a rule is
//     about the ends of intervals.
//   - Arms that are not the split asked for: the sample ratio mismatch test (Fabijan and others, Diagnosing sample ratio
//     mismatch in online controlled experiments, KDD 2019).
//
// Memory is bounded: of each arm a uniform sample of [SampleSize] captures is kept, those whose hashes are the smallest, so that it is
// the same whatever the order of the fixes, and two arms that answered the same captures keep the same ones.
package compare
