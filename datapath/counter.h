/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_COUNTER_H
#define TASUKI_COUNTER_H 1

/* Counters without locks, readable by anybody in
 * /sys/module/openvswitch/parameters.
 */

#include <linux/moduleparam.h>
#include <linux/percpu.h>
#include <linux/sysfs.h>

static int tasuki_get_counter(char *buffer, const struct kernel_param *kp)
{
	unsigned long __percpu *counter = (unsigned long __percpu *)kp->arg;
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += *per_cpu_ptr(counter, cpu);
	return sysfs_emit(buffer, "%lu\n", sum);
}

static const struct kernel_param_ops tasuki_counter_ops = {
	.get = tasuki_get_counter,
};

/* Publishes VARIABLE, an unsigned long of each CPU, as NAME. */
#define TASUKI_COUNTER(NAME, VARIABLE) \
	module_param_cb(NAME, &tasuki_counter_ops, \
			(void __force *)&(VARIABLE), 0444)

#endif /* counter.h */
