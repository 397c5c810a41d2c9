package model

/*
#include <features.h>
#ifdef __GLIBC__
#include <malloc.h>
static void trim(void) { malloc_trim(0); }
#else
static void trim(void) {}
#endif
*/
import "C"

// trim gives memory that was freed back to the system. The GNU allocator keeps what a session held in the pool of the
// thread that made it, of which there are eight a processor: without this a process would grow until each had held a
// session once.
func trim() { C.trim() }
