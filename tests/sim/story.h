/* story.h - a world in which nothing is left to chance: a test says who does what
 * when, and compares what the world told with what it should have told.
 *
 *   story_begin(&plan);
 *   at(70); put(EU, "cart", "tea");
 *   at(80); applies(US);
 *   story_is("[   70] eu > cart: tea\n"
 *            "[   80] us < 10/0:1 cart 70.0@eu: take\n");
 *
 * Times are milliseconds since the world began. Regions have a log each (10, 20, 30),
 * of one partition; heartbeats are not told.
 */
#ifndef ISO_TESTS_SIM_STORY_H
#define ISO_TESTS_SIM_STORY_H

#include "tests/sim/sim.h"

enum { EU, US, AP };

/* Of the plan: regions, resolver, before_max_ms, after_max_ms; what is 0 is usual. */
void story_begin(const struct sim_plan *plan);
/* Ends it: what was told must be this. */
void story_is(const char *expected);
struct sim_region *story_region(unsigned region);

/* ---- what happens ---- */

void at(int64_t ms);
void cuts(unsigned region); /* it off from all clusters */
void heals(unsigned region);
/* Its daemon reads what there is, and commits; `applies_each`: all daemons. */
void applies(unsigned region);
void applies_each(void);
/* Its daemon dies in its next commit: before or behind it. */
void dies(unsigned region, enum sim_store_commit how);

/* A service writes: blind, or (…_seen) with what its region shows now. */
void put(unsigned region, const char *key, const char *value);
void put_seen(unsigned region, const char *key, const char *value);
void put_until(unsigned region, const char *key, const char *value, int64_t ms);
void deletes(unsigned region, const char *key);
void deletes_seen(unsigned region, const char *key);
void counts(unsigned region, const char *key, int by); /* visits, of fields */
void resets(unsigned region, const char *key);         /* with what is shown */

/* It reads: value or siblings, how many losers. */
void shows(unsigned region, const char *key);
/* A session writes with its token in one region, and reads with it in another. */
void session_put(unsigned region, const char *key, const char *value);
void session_reads(unsigned region, const char *key);
/* How many tombstones and values with an expiry it holds, and H. */
void holds(unsigned region);

#endif
