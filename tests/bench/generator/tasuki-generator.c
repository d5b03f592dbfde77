// SPDX-License-Identifier: GPL-2.0-only
/* Copyright (c) 2026 the Tasuki developers. */

/* A packet generator for benchmarks: frames that a program wrote to
 * /dev/tasuki-generator arrive at a network interface as if from the wire, as
 * fast as whoever gets them can take them.
 *
 * pktgen does nearly that, but makes UDP only, and keeps a reference to each
 * packet that it sends.  So whatever changes a packet has to copy it first,
 * which is not what happens to packets from a network card.  Here they are
 * made the way that drivers make them: a new buffer each, its checksum
 * verified and its hash computed by the hardware.
 */

#include <linux/etherdevice.h>
#include <linux/hash.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/nsproxy.h>
#include <linux/sched.h>
#include <linux/skbuff.h>
#include <linux/uaccess.h>

/* As many as a driver takes from its ring at once. */
#define BATCH 64
#define MAX_BYTES (64 << 20)

/**
 * struct run - argument of the one ioctl, GENERATOR_RUN
 * @ifindex: The interface to receive on, of the caller's network namespace, or
 *	0 to throw frames away once they are made: what the generator takes.
 * @len: The length of a frame, in bytes, without frame check sequence.
 * @first: The first frame to take, counted from 0.
 * @count: How many from there to take in turn.
 * @packets: How many packets to make, in all.
 * @pad: Zero.
 * @ns: Set to the nanoseconds that this has taken.
 */
struct run {
	__u32 ifindex;
	__u32 len;
	__u32 first;
	__u32 count;
	__u32 packets;
	__u32 pad;
	__u64 ns;
};

#define GENERATOR_RUN _IOWR('T', 1, struct run)

static DEFINE_MUTEX(lock);	/* Protects what follows. */
static u8 *frames;
static size_t n_bytes;

static int receive(struct net_device *dev, const struct run *run, u32 i)
{
	struct sk_buff *skb = netdev_alloc_skb_ip_align(dev, run->len);

	if (unlikely(!skb))
		return -ENOMEM;
	skb_put_data(skb, frames + (size_t)run->len * i, run->len);
	if (unlikely(!dev)) {
		consume_skb(skb);
		return 0;
	}
	skb->protocol = eth_type_trans(skb, dev);
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	skb_set_hash(skb, hash_32(i + 1, 32), PKT_HASH_TYPE_L4);
	netif_receive_skb(skb);
	return 0;
}

static int generate(struct net_device *dev, struct run *run)
{
	u32 i = 0, done = 0;
	int err = 0;
	u64 start;

	start = ktime_get_ns();
	while (done < run->packets) {
		u32 end = min(done + BATCH, run->packets);

		local_bh_disable();
		for (; done < end && !err; done++) {
			err = receive(dev, run, run->first + i);
			if (++i == run->count)
				i = 0;
		}
		local_bh_enable();
		if (err)
			return err;
		cond_resched();
	}
	run->ns = ktime_get_ns() - start;
	return 0;
}

static long generator_ioctl(struct file *file, unsigned int cmd,
			    unsigned long arg)
{
	struct run __user *user = (void __user *)arg;
	struct net_device *dev = NULL;
	struct run run;
	long err;

	if (cmd != GENERATOR_RUN)
		return -ENOTTY;
	if (copy_from_user(&run, user, sizeof(run)))
		return -EFAULT;
	if (run.len < ETH_ZLEN || run.len > ETH_FRAME_LEN || !run.count ||
	    run.packets > INT_MAX)
		return -EINVAL;
	if (run.ifindex) {
		dev = dev_get_by_index(current->nsproxy->net_ns, run.ifindex);
		if (!dev)
			return -ENODEV;
	}

	mutex_lock(&lock);
	if ((u64)run.first + run.count > n_bytes / run.len)
		err = -EINVAL;
	else
		err = generate(dev, &run);
	mutex_unlock(&lock);
	dev_put(dev);
	if (!err && copy_to_user(user, &run, sizeof(run)))
		err = -EFAULT;
	return err;
}

/* Replaces the frames. */
static ssize_t generator_write(struct file *file, const char __user *user,
			       size_t size, loff_t *pos)
{
	u8 *copy;

	if (!size || size > MAX_BYTES)
		return -EINVAL;
	copy = kvmalloc(size, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	if (copy_from_user(copy, user, size)) {
		kvfree(copy);
		return -EFAULT;
	}
	mutex_lock(&lock);
	swap(frames, copy);
	n_bytes = size;
	mutex_unlock(&lock);
	kvfree(copy);
	return size;
}

static const struct file_operations generator_fops = {
	.owner = THIS_MODULE,
	.write = generator_write,
	.unlocked_ioctl = generator_ioctl,
};

static struct miscdevice generator = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "tasuki-generator",
	.fops = &generator_fops,
	.mode = 0600,
};

static int __init generator_init(void)
{
	return misc_register(&generator);
}

static void __exit generator_exit(void)
{
	misc_deregister(&generator);
	kvfree(frames);
}

module_init(generator_init);
module_exit(generator_exit);

MODULE_DESCRIPTION("Packet generator for Tasuki's benchmarks");
MODULE_LICENSE("GPL");
