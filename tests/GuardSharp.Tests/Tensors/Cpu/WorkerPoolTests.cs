using GuardSharp.Tensors.Cpu;

namespace GuardSharp.Tests.Tensors.Cpu;

public sealed class WorkerPoolTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Every_item_is_done_exactly_once_in_thousands_of_runs(int threads)
    {
        using var pool = new WorkerPool(threads);
        var job = new CountingJob();
        for (var run = 0; run < 3_000; run++)
        {
            var count = run % 7;
            Array.Clear(job.Done);
            pool.Run(job, count);
            for (var i = 0; i < job.Done.Length; i++) Assert.Equal(i < count ? 1 : 0, job.Done[i]);
        }
    }

    [Fact]
    public void A_late_worker_takes_no_item_of_a_job_that_is_being_set_up()
    {
        // More threads than cores, so that workers are held up between two of their steps; rising counts, so that an old ticket looks open.
        // A race: before its fix about one run in a million did an item twice or returned before all were done.
        using var pool = new WorkerPool(2 * Environment.ProcessorCount + 4);
        var job = new CountingJob();
        for (var run = 0; run < 200_000; run++)
        {
            var count = 2 + (run % 6);
            Array.Clear(job.Done);
            pool.Run(job, count);
            for (var i = 0; i < job.Done.Length; i++) Assert.True((i < count ? 1 : 0) == Volatile.Read(ref job.Done[i]));
        }
    }

    [Fact]
    public void Workers_wake_up_again_after_they_slept()
    {
        using var pool = new WorkerPool(2);
        var job = new MeetingJob();
        using var pause = new ManualResetEventSlim();
        for (var run = 0; run < 5; run++)
        {
            // Far longer than a worker spins.
            pause.Wait(20, TestContext.Current.CancellationToken);
            job.Arrived = 0;
            // Both items wait for each other: this returns only if a worker takes one of them.
            pool.Run(job, 2);
            Assert.Equal(2, job.Arrived);
        }
    }

    [Fact]
    public void An_exception_of_an_item_reaches_the_caller_and_the_pool_stays_usable()
    {
        using var pool = new WorkerPool(3);
        var error = Assert.Throws<InvalidOperationException>(() => pool.Run(new FailingJob(), 50));
        Assert.Equal("item 33", error.Message);
        var job = new CountingJob();
        pool.Run(job, 6);
        Assert.Equal(6, job.Done.Sum());
    }

    [Fact]
    public void Small_work_stays_on_the_calling_thread()
    {
        using var pool = new WorkerPool(4);
        var job = new ThreadJob();
        pool.Run(job, 1000, parallel: false);
        Assert.All(job.Threads, thread => Assert.Equal(Environment.CurrentManagedThreadId, thread));
    }

    [Fact]
    public void A_disposed_pool_refuses_work()
    {
        var pool = new WorkerPool(2);
        pool.Dispose();
        pool.Dispose();
        Assert.Throws<ObjectDisposedException>(() => pool.Run(new CountingJob(), 1));
    }

    private sealed class CountingJob : ParallelJob
    {
        public int[] Done { get; } = new int[7];

        public override void Run(int item, int worker) => Interlocked.Increment(ref Done[item]);
    }

    private sealed class MeetingJob : ParallelJob
    {
        private int arrived;

        public int Arrived
        {
            get => Volatile.Read(ref arrived);
            set => arrived = value;
        }

        public override void Run(int item, int worker)
        {
            Interlocked.Increment(ref arrived);
            Assert.True(SpinWait.SpinUntil(() => Arrived == 2, TimeSpan.FromSeconds(30)));
        }
    }

    private sealed class FailingJob : ParallelJob
    {
        public override void Run(int item, int worker)
        {
            if (item == 33)
            {
                throw new InvalidOperationException("item 33");
            }
        }
    }

    private sealed class ThreadJob : ParallelJob
    {
        public List<int> Threads { get; } = [];

        public override void Run(int item, int worker) => Threads.Add(Environment.CurrentManagedThreadId);
    }
}
