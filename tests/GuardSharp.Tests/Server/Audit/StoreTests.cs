using GuardSharp.Server.Audit.Recording;
using GuardSharp.Server.Audit.Store;

namespace GuardSharp.Tests.Server.Audit;

/// <summary>What every store must do, on SQLite and on PostgreSQL.</summary>
public sealed class StoreTests(PostgresServer postgres) : IClassFixture<PostgresServer>, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Providers => ["Sqlite", "PostgreSql"];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Providers))]
    public async Task Rows_come_back_as_they_were_written(string provider)
    {
        await using var store = await OpenAsync(provider);
        DecisionRow[] rows = [Rows.Make(1), Rows.Make(2) with { Key = "naïve 🙂", Content = """[{"role":"user","content":"a\u0000b 🙂"}]""" }, Rows.Make(3) with { UnsafeProbability = 1e-300 }];
        Assert.Empty(await store.WriteAsync(rows, default));
        var read = await store.ListAsync(new DecisionQuery { ReadContent = true }, default);
        Assert.Equivalent(rows, read.Select(decision => decision.Row), strict: true);
        Assert.Equal(read.Select(decision => decision.Sequence).Order(), read.Select(decision => decision.Sequence));
    }

    [Theory]
    [MemberData(nameof(Providers))]
    public async Task The_same_decision_written_again_is_there_once(string provider)
    {
        await using var store = await OpenAsync(provider);
        await store.WriteAsync([Rows.Make(1), Rows.Make(2)], default);
        await store.WriteAsync([Rows.Make(2), Rows.Make(3)], default);
        Assert.Equal([1L, 2, 3], (await store.ListAsync(new DecisionQuery(), default)).Select(decision => decision.Row.Number));
    }

    [Theory]
    [MemberData(nameof(Providers))]
    public async Task A_row_that_cannot_be_stored_does_not_keep_its_neighbours_out(string provider)
    {
        await using var store = await OpenAsync(provider);
        var refused = await store.WriteAsync([.. Enumerable.Range(1, 9).Select(number => number == 4 ? Rows.Make(4) with { Model = null! } : Rows.Make(number))], default);
        Assert.Equal([4L], refused.Select(row => row.Number));
        Assert.Equal(8, (await store.ListAsync(new DecisionQuery(), default)).Count);
    }

    [Theory]
    [MemberData(nameof(Providers))]
    public async Task Every_condition_of_a_query_counts(string provider)
    {
        await using var store = await OpenAsync(provider);
        await store.WriteAsync([.. Enumerable.Range(1, 6).Select(number => Rows.Make(number) with { Key = number < 4 ? "app" : "shop", Model = number == 6 ? "n@1" : "m@1" })], default);
        await store.LabelAsync(Rows.Make(2).Id, new StoredLabel(false, null, null, "reviewer", Rows.Run.Started), default);
        await store.LabelAsync(Rows.Make(2).Id, new StoredLabel(true, ["S14"], "note", "reviewer", Rows.Run.Started), default);
        async Task<string> Found(DecisionQuery query) => string.Join(' ', (await store.ListAsync(query, default)).Select(decision => decision.Row.Number));
        Assert.Equal("2 4 6", await Found(new DecisionQuery { Unsafe = true }));
        Assert.Equal("2 4 6", await Found(new DecisionQuery { Category = "S14" }));
        Assert.Equal("", await Found(new DecisionQuery { Category = "S4" }));
        Assert.Equal("4 5", await Found(new DecisionQuery { Key = "shop", Model = "m@1" }));
        Assert.Equal("2", await Found(new DecisionQuery { Labelled = true }));
        Assert.Equal("1 3 4 5 6", await Found(new DecisionQuery { Labelled = false }));
        Assert.Equal("3 6", await Found(new DecisionQuery { WithContent = true }));
        Assert.Equal("3 4", await Found(new DecisionQuery { From = Rows.Make(3).Time, Before = Rows.Make(5).Time }));
        Assert.Equal("6 5", await Found(new DecisionQuery { Descending = true, Limit = 2 }));
        var (decision, labels) = (await store.FindAsync(Rows.Make(2).Id, default))!.Value;
        Assert.Equal(["S14"], decision.Label!.Categories);
        Assert.Equal([true, false], labels.Select(label => label.Correct));
    }

    [Theory]
    [MemberData(nameof(Providers))]
    public async Task Missing_numbers_are_found_once_at_the_start_within_and_at_the_end(string provider)
    {
        await using var store = await OpenAsync(provider);
        await store.WriteAsync([.. new long[] { 3, 4, 7, 8 }.Select(Rows.Make)], default);
        var first = await store.SettleAsync(Rows.Run, 8, null, default);
        Assert.Equal(["1-2", "5-6"], first.Select(gap => $"{gap.First}-{gap.Last}"));
        Assert.Equal((null, Rows.Make(3).Time, Rows.Make(4).Time, Rows.Make(7).Time), (first[0].After, first[0].Before, first[1].After, first[1].Before));
        await store.WriteAsync([Rows.Make(9)], default);
        Assert.Equal(["10-12"], (await store.SettleAsync(Rows.Run, 12, Rows.Run.Started, default)).Select(gap => $"{gap.First}-{gap.Last}"));
        Assert.Empty(await store.SettleAsync(Rows.Run, 12, Rows.Run.Started, default));
        Assert.Equal([2L, 2, 3], (await store.GapsAsync(default)).Select(gap => gap.Count));
        Assert.Empty(await store.OpenRunsAsync(default));
    }

    [Theory]
    [MemberData(nameof(Providers))]
    public async Task A_count_older_than_the_store_tells_no_gap_that_is_none(string provider)
    {
        await using var store = await OpenAsync(provider);
        await store.WriteAsync([Rows.Make(1), Rows.Make(2), Rows.Make(4)], default);
        Assert.Equal(["3-3"], (await store.SettleAsync(Rows.Run, 1, Rows.Run.Started, default)).Select(gap => $"{gap.First}-{gap.Last}"));
    }

    [Theory]
    [MemberData(nameof(Providers))]
    public async Task Retention_deletes_decisions_with_their_labels_and_what_it_deletes_is_not_missing(string provider)
    {
        await using var store = await OpenAsync(provider);
        await store.WriteAsync([.. Enumerable.Range(1, 2500).Where(number => number != 77).Select(number => Rows.Make(number))], default);
        var label = new StoredLabel(true, null, null, "reviewer", Rows.Run.Started);
        Assert.True(await store.LabelAsync(Rows.Make(5).Id, label, default));
        Assert.True(await store.LabelAsync(Rows.Make(2400).Id, label, default));
        Assert.Equal(2299, await store.DeleteBeforeAsync(Rows.Make(2301).Time, default));
        Assert.Equal(200, (await store.ListAsync(new DecisionQuery { Limit = 9999 }, default)).Count);
        Assert.Equal([2400L], (await store.ListAsync(new DecisionQuery { Labelled = true }, default)).Select(decision => decision.Row.Number));
        Assert.Null(await store.FindAsync(Rows.Make(5).Id, default));
        Assert.False(await store.LabelAsync(Rows.Make(5).Id, label, default));
        await store.SettleAsync(Rows.Run, 2500, Rows.Run.Started, default);
        Assert.Equal(["77-77"], (await store.GapsAsync(default)).Select(gap => $"{gap.First}-{gap.Last}"));
    }

    [Theory]
    [MemberData(nameof(Providers))]
    public async Task Two_servers_that_start_at_once_make_the_tables_once(string provider)
    {
        var source = await SourceAsync(provider);
        await using var one = Store(provider, source);
        await using var other = Store(provider, source);
        await Task.WhenAll(Task.Run(() => one.OpenAsync(Rows.Run, default)), Task.Run(() => other.OpenAsync(Rows.Run with { Run = "run2" }, default)));
        Assert.Equal(["run1", "run2"], (await one.OpenRunsAsync(default)).Select(run => run.Run).Order());
    }

    [Theory]
    [MemberData(nameof(Providers))]
    public async Task Whoever_reads_behind_a_cursor_while_two_servers_write_misses_nothing(string provider)
    {
        var source = await SourceAsync(provider);
        await using var one = Store(provider, source);
        await using var other = Store(provider, source);
        await one.OpenAsync(Rows.Run, default);
        var writing = Task.WhenAll(Task.Run(() => WriteManyAsync(one, 0)), Task.Run(() => WriteManyAsync(other, 1000)));
        var seen = new List<long>();
        long cursor = 0;
        for (var last = false; ;)
        {
            var page = await one.ListAsync(new DecisionQuery { Cursor = cursor, Limit = 7 }, default);
            seen.AddRange(page.Select(decision => decision.Row.Number));
            cursor = page.Count > 0 ? page[^1].Sequence : cursor;
            if (page.Count == 0 && last)
            {
                break;
            }

            // One more look after the last write.
            last = writing.IsCompleted && (page.Count == 0 || last);
        }

        await writing;
        Assert.Equal(Enumerable.Range(1, 60).Concat(Enumerable.Range(1001, 60)).Select(number => (long)number), seen.Order());
    }

    private static async Task WriteManyAsync(SqlDecisionStore store, int first)
    {
        for (var number = 1; number <= 60; number++)
        {
            await store.WriteAsync([Rows.Make(first + number)], default);
        }
    }

    private async Task<SqlDecisionStore> OpenAsync(string provider)
    {
        var store = Store(provider, await SourceAsync(provider));
        await store.OpenAsync(Rows.Run, default);
        return store;
    }

    private async Task<string> SourceAsync(string provider) => provider == "Sqlite" ? _folder["audit.db"] : await postgres.NewDatabaseAsync();

    private static SqlDecisionStore Store(string provider, string source) =>
        new(provider == "Sqlite" ? new SqliteDialect(source, 30) : new PostgresDialect(source, 30), TimeProvider.System);
}
