using GuardSharp.Tensors;

namespace GuardSharp.Tests.Tensors;

/// <summary>Attention: masks, heads, sequences, caches.</summary>
public abstract partial class TensorOpsContract
{
    // Weighted means of numbers below 1, scores below 6: softmax weights are right to about 1e-6 relative.
    private const double AttentionTolerance = 3e-6;

    [Theory]
    [InlineData(1, 1, 1, 8)]
    [InlineData(5, 2, 2, 6)]
    [InlineData(17, 4, 2, 16)]
    [InlineData(33, 6, 2, 20)]
    [InlineData(70, 8, 1, 64)]
    [InlineData(130, 2, 1, 88)]
    [InlineData(300, 2, 2, 13)]
    public void Attention_is_the_softmax_weighted_mean_of_the_values(int rows, int heads, int keyHeads, int headSize)
    {
        float[] q = numbers.Numbers(rows * heads * headSize), k = numbers.Numbers(rows * keyHeads * headSize), v = numbers.Numbers(rows * keyHeads * headSize);
        foreach (var mask in Enum.GetValues<AttentionMask>())
        {
            using var scope = Ops.Scope();
            var plan = new AttentionPlan([SequenceSpan.Self(0, rows)], 0, heads, keyHeads, headSize, 0.5f, mask, 7);
            var result = Ops.Attention(Upload(q, rows), Upload(k, rows), Upload(v, rows), plan);
            Expect(result, TensorReference.Attention(q, k, v, plan, 0), AttentionTolerance);
        }
    }

    [Fact]
    public void Large_scores_do_not_overflow()
    {
        using var scope = Ops.Scope();
        float[] q = numbers.Numbers(40 * 8, 100), k = numbers.Numbers(40 * 8, 100), v = numbers.Numbers(40 * 8);
        var plan = new AttentionPlan([SequenceSpan.Self(0, 40)], 0, 1, 1, 8, 1, AttentionMask.Causal);
        // Scores up to 80,000 are rounded at 0.004, so weights are off by up to 1 percent where two keys nearly tie.
        Expect(Ops.Attention(Upload(q, 40), Upload(k, 40), Upload(v, 40), plan), TensorReference.Attention(q, k, v, plan, 0), 0.02);
    }

    [Fact]
    public void Sequences_do_not_see_each_other()
    {
        using var scope = Ops.Scope();
        int[] lengths = [3, 40, 1, 12];
        var rows = lengths.Sum();
        float[] q = numbers.Numbers(rows * 16), k = numbers.Numbers(rows * 8), v = numbers.Numbers(rows * 8);
        var spans = new List<SequenceSpan>();
        foreach (var length in lengths) spans.Add(SequenceSpan.Self(spans.Sum(s => s.QueryCount), length));
        var plan = new AttentionPlan(spans, 0, 2, 1, 8, 0.3f, AttentionMask.Causal);
        var expected = spans.SelectMany(s => TensorReference.Attention(Part(q, s, 16), Part(k, s, 8), Part(v, s, 8), plan, 0)).ToArray();
        Expect(Ops.Attention(Upload(q, rows), Upload(k, rows), Upload(v, rows), plan), expected, AttentionTolerance);
    }

    [Fact]
    public void Queries_may_attend_to_other_rows_than_their_own()
    {
        using var scope = Ops.Scope();
        float[] q = numbers.Numbers(5 * 12), k = numbers.Numbers(50 * 12), v = numbers.Numbers(50 * 12);
        var plan = new AttentionPlan([new SequenceSpan(0, 2, 0, 10, 0, null), new SequenceSpan(2, 3, 10, 40, 0, null)], 0, 3, 3, 4, 0.5f, AttentionMask.Full);
        double[] expected =
        [
            .. TensorReference.Attention(q[..24], k[..120], v[..120], plan, 0),
            .. TensorReference.Attention(q[24..], k[120..], v[120..], plan, 0),
        ];
        Expect(Ops.Attention(Upload(q, 5), Upload(k, 50), Upload(v, 50), plan), expected, AttentionTolerance);
    }

    [Theory]
    [InlineData(AttentionMask.Causal, 1)]
    [InlineData(AttentionMask.Causal, 5)]
    [InlineData(AttentionMask.Chunked, 3)]
    [InlineData(AttentionMask.Full, 4)]
    internal void Attention_in_steps_over_a_chain_of_caches_equals_one_pass(AttentionMask mask, int layer)
    {
        int[] steps = [37, 20, 1, 9, 1];
        var rows = steps.Sum();
        float[] q = numbers.Numbers(rows * 16), k = numbers.Numbers(rows * 8), v = numbers.Numbers(rows * 8);
        using var policy = Ops.CreateCache(6, 8, 60);
        Run(policy, 0, steps[0]);
        Run(policy, 37, steps[1]);
        using var conversation = Ops.CreateCache(6, 8, 1, policy);
        Run(conversation, 57, steps[2]);
        using var answer = Ops.CreateCache(6, 8, 20, conversation);
        Run(answer, 58, steps[3]);
        Run(answer, 67, steps[4]);
        answer.Truncate(4);
        Run(answer, 62, 6);
        Assert.Equal(68, answer.Length);

        void Run(KvCache cache, int position, int count)
        {
            using var scope = Ops.Scope();
            var span = SequenceSpan.Self(0, count, cache);
            Assert.Equal(position, span.Position);
            var plan = new AttentionPlan([span], layer, 2, 1, 8, 0.7f, mask, 16);
            var result = Ops.Attention(Upload(Rows(q, 16), count), Upload(Rows(k, 8), count), Upload(Rows(v, 8), count), plan);
            var end = position + count;
            Expect(result, TensorReference.Attention(Rows(q, 16), k[..(end * 8)], v[..(end * 8)], plan, position), AttentionTolerance);
            cache.Advance(count);
            float[] Rows(float[] values, int columns) => values[(position * columns)..((position + count) * columns)];
        }
    }

    [Fact]
    public void Several_answers_share_one_policy_cache()
    {
        using var scope = Ops.Scope();
        float[] q = numbers.Numbers(21 * 8), k = numbers.Numbers(21 * 8), v = numbers.Numbers(21 * 8);
        using var policy = Ops.CreateCache(1, 8, 15);
        var plan = new AttentionPlan([SequenceSpan.Self(0, 15, policy)], 0, 1, 1, 8, 1, AttentionMask.Causal);
        Ops.Attention(Upload(q[..120], 15), Upload(k[..120], 15), Upload(v[..120], 15), plan);
        policy.Advance(15);
        using KvCache first = Ops.CreateCache(1, 8, 4, policy), second = Ops.CreateCache(1, 8, 4, policy);
        plan = plan with { Sequences = [SequenceSpan.Self(0, 4, first), SequenceSpan.Self(4, 2, second)] };
        var result = Ops.Attention(Upload(q[120..], 6), Upload(k[120..], 6), Upload(v[120..], 6), plan);
        double[] expected =
        [
            .. TensorReference.Attention(q[120..152], k[..152], v[..152], plan, 15),
            .. TensorReference.Attention(q[152..], [.. k[..120], .. k[152..]], [.. v[..120], .. v[152..]], plan, 15),
        ];
        Expect(result, expected, AttentionTolerance);
    }

    [Theory]
    [InlineData(AttentionMask.Causal)]
    [InlineData(AttentionMask.Chunked)]
    internal void Queries_may_be_the_last_rows_of_a_sequence_alone(AttentionMask mask)
    {
        using var scope = Ops.Scope();
        float[] q = numbers.Numbers(50 * 16), k = numbers.Numbers(50 * 8), v = numbers.Numbers(50 * 8);
        using KvCache all = Ops.CreateCache(1, 8, 50), some = Ops.CreateCache(1, 8, 50);
        foreach (var (start, end) in ((int, int)[])[(0, 20), (20, 50)])
        {
            var keys = (start * 8)..(end * 8);
            var plan = new AttentionPlan([SequenceSpan.Self(0, end - start, all)], 0, 2, 1, 8, 0.7f, mask, 16);
            var expected = new float[(end - start) * 16];
            Ops.Read(Ops.Attention(Upload(q[(start * 16)..(end * 16)], end - start), Upload(k[keys], end - start), Upload(v[keys], end - start), plan), expected);
            var ask = new SequenceSpan(0, 3, 0, end - start, start, some, QueryOffset: end - start - 3);
            var result = Ops.Attention(Upload(q[((end - 3) * 16)..(end * 16)], 3), Upload(k[keys], end - start), Upload(v[keys], end - start), plan with { Sequences = [ask] });
            Expect(result, [.. expected[^48..].Select(number => (double)number)], AttentionTolerance);
            all.Advance(end - start);
            some.Advance(end - start);
        }
    }

    [Theory]
    [InlineData(40, 50)]
    [InlineData(40, 40)]
    [InlineData(40, 35)]
    [InlineData(30, 17)]
    [InlineData(0, 0)]
    public void A_cache_may_stand_on_the_first_positions_of_another(int second, int third)
    {
        // Caches of 40 and 25 positions and one of 8: the second begins at `second`, the third at `third`, be it within the first.
        using var scope = Ops.Scope();
        float[] q = numbers.Numbers(80 * 16), k = numbers.Numbers(80 * 8), v = numbers.Numbers(80 * 8);
        using var policy = Ops.CreateCache(2, 8, 40);
        Run(policy, 0, 40, [0..40]);
        using var whole = Ops.CreateCache(2, 8, 30, policy, second);
        Run(whole, 40, 25, [0..second, 40..65]);
        using var copy = whole.CopyOf(Math.Max(0, third - second));
        Range[] read = [0..Math.Min(second, third), 40..(40 + Math.Max(0, third - second))];
        foreach (var parent in new[] { whole, copy })
        {
            using var answer = Ops.CreateCache(2, 8, 8, parent, third);
            Assert.Equal((third, third), (answer.Start, answer.Length));
            Run(answer, 70, 8, [.. read, 70..78]);
        }

        Assert.True(copy.Bytes < whole.Bytes);
        Assert.Throws<ArgumentOutOfRangeException>(() => Ops.CreateCache(2, 8, 8, policy, 41));

        void Run(KvCache cache, int row, int count, Range[] seen)
        {
            var plan = new AttentionPlan([SequenceSpan.Self(0, count, cache)], 1, 2, 1, 8, 0.7f, AttentionMask.Causal);
            var rows = row..(row + count);
            var result = Ops.Attention(Upload(Part(q, rows, 16), count), Upload(Part(k, rows, 8), count), Upload(Part(v, rows, 8), count), plan);
            float[] Seen(float[] values) => [.. seen.SelectMany(range => Part(values, range, 8))];
            Expect(result, TensorReference.Attention(Part(q, rows, 16), Seen(k), Seen(v), plan, cache.Length), AttentionTolerance);
            cache.Advance(count);
        }

        static float[] Part(float[] values, Range rows, int columns) => values[(rows.Start.Value * columns)..(rows.End.Value * columns)];
    }

    [Theory]
    [InlineData(0, 50)]
    [InlineData(0, 20)]
    [InlineData(13, 17)]
    [InlineData(33, 40)]
    [InlineData(41, 9)]
    public void Queries_may_see_a_window_of_what_caches_hold(int start, int count)
    {
        using var scope = Ops.Scope();
        float[] q = numbers.Numbers(6 * 16), k = numbers.Numbers(80 * 8), v = numbers.Numbers(80 * 8);
        using var first = Ops.CreateCache(2, 8, 30);
        Store(first, 0, 30);
        using var second = Ops.CreateCache(2, 8, 50, first);
        Store(second, 30, 50);
        var plan = new AttentionPlan([new SequenceSpan(0, 6, 0, 0, 0, second, new CacheWindow(start, count))], 1, 2, 1, 8, 0.7f, AttentionMask.Full);
        var result = Ops.Attention(Upload(q, 6), Ops.Upload([], 0, 8), Ops.Upload([], 0, 8), plan);
        var range = (start * 8)..((start + count) * 8);
        Expect(result, TensorReference.Attention(q, k[range], v[range], plan, 0), AttentionTolerance);

        void Store(KvCache cache, int from, int length)
        {
            var part = (from * 8)..((from + length) * 8);
            // No queries: the keys and values are only stored.
            var store = new AttentionPlan([new SequenceSpan(0, 0, 0, length, 0, cache)], 1, 2, 1, 8, 0.7f, AttentionMask.Full);
            Assert.Equal(0, Ops.Attention(Ops.Upload([], 0, 16), Upload(k[part], length), Upload(v[part], length), store).Rows);
            cache.Advance(length);
        }
    }

    [Fact]
    public void A_window_beyond_a_cache_or_under_another_mask_is_an_error()
    {
        using var scope = Ops.Scope();
        using var cache = Ops.CreateCache(1, 8, 4);
        var x = Upload(numbers.Numbers(4 * 8), 4);
        var plan = new AttentionPlan([SequenceSpan.Self(0, 4, cache)], 0, 1, 1, 8, 1, AttentionMask.Full);
        Ops.Attention(x, x, x, plan);
        cache.Advance(4);
        var none = Ops.Upload([], 0, 8);
        Assert.Throws<ArgumentException>(() => Ops.Attention(x, none, none, plan with { Sequences = [new SequenceSpan(0, 4, 0, 0, 0, cache, new CacheWindow(2, 3))] }));
        Assert.Throws<ArgumentException>(() => Ops.Attention(
            x, none, none, plan with { Mask = AttentionMask.Causal, Sequences = [new SequenceSpan(0, 4, 0, 0, 4, cache, new CacheWindow(0, 4))] }));
    }

    [Fact]
    public void A_full_cache_is_an_error()
    {
        using var scope = Ops.Scope();
        using var cache = Ops.CreateCache(1, 8, 3);
        var x = Upload(numbers.Numbers(4 * 8), 4);
        var plan = new AttentionPlan([SequenceSpan.Self(0, 4, cache)], 0, 1, 1, 8, 1, AttentionMask.Causal);
        Assert.Throws<InvalidOperationException>(() => Ops.Attention(x, x, x, plan));
    }

    private static float[] Part(float[] values, SequenceSpan span, int columns) =>
        values[(span.QueryRow * columns)..((span.QueryRow + span.QueryCount) * columns)];
}
