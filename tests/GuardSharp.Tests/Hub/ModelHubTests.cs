using GuardSharp.Hub;

namespace GuardSharp.Tests.Hub;

public sealed class ModelHubTests : HubTests
{
    [Fact]
    public async Task Files_arrive_in_the_layout_of_theHubs_own_tools()
    {
        var model = await DownloadAsync();
        Assert.Equal(Path.Combine(RepositoryFolder, "snapshots", FakeHub.Commit), model.Folder);
        Assert.Equal(FakeHub.Commit, File.ReadAllText(Path.Combine(RepositoryFolder, "refs", "main")));
        Assert.Equal(Hub.Files[Weights], File.ReadAllBytes(Path.Combine(model.Folder, Weights)));
        Assert.Equal(Path.Combine("..", "..", "blobs", FakeHub.Sha256(Hub.Files[Weights])), new FileInfo(Path.Combine(model.Folder, Weights)).LinkTarget);
        Assert.Equal(Path.Combine("..", "..", "blobs", FakeHub.GitHash(Hub.Files["config.json"])), new FileInfo(Path.Combine(model.Folder, "config.json")).LinkTarget);
        Assert.DoesNotContain(model.Files, file => file.EndsWith(".pth", StringComparison.Ordinal));
        Assert.Empty(Directory.GetFiles(Path.Combine(RepositoryFolder, "blobs"), "*.incomplete"));
    }

    [Fact]
    public async Task What_is_in_the_cache_is_not_fetched_again_and_needs_no_network()
    {
        var first = await DownloadAsync();
        Hub.Requests.Clear();
        var second = await DownloadAsync();
        Assert.Equal((first.Folder, 0L), (second.Folder, second.DownloadedBytes));
        Assert.Single(Hub.Requests);

        Hub.Requests.Clear();
        var offline = await DownloadAsync(options: Options(offline: true));
        Assert.Equal((first.Folder, 0L), (offline.Folder, offline.DownloadedBytes));
        Assert.Equal(first.Files.Order(), offline.Files.Order());
        Assert.Empty(Hub.Requests);
    }

    [Fact]
    public async Task A_blob_that_another_tool_fetched_is_only_linked()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Blob(Weights))!);
        File.WriteAllBytes(Blob(Weights), Hub.Files[Weights]);
        await DownloadAsync();
        Assert.DoesNotContain(Hub.Requests, request => request.Path.EndsWith(Weights, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_cut_connection_goes_on_where_it_broke()
    {
        Hub.Fault = request => request.Path.EndsWith(Weights, StringComparison.Ordinal) && request.From == 0
            ? new FakeAnswer(200, Hub.Files[Weights]) { CutAfter = 1_234_567 }
            : null;
        var model = await DownloadAsync();
        Assert.Equal(Hub.Files[Weights], File.ReadAllBytes(Path.Combine(model.Folder, Weights)));
        var froms = Hub.Requests.Where(request => request.Path.EndsWith(Weights, StringComparison.Ordinal)).Select(request => request.From).ToList();
        Assert.Equal(2, froms.Count);
        Assert.InRange(froms[1], 1, 1_234_567);
        Assert.Equal(Hub.Files.Where(file => !file.Key.EndsWith(".pth", StringComparison.Ordinal)).Sum(file => file.Value.LongLength), model.DownloadedBytes);
    }

    [Fact]
    public async Task A_cut_file_of_an_earlier_run_is_resumed()
    {
        Hub.Fault = request => request.Path.EndsWith(Weights, StringComparison.Ordinal) ? new FakeAnswer(200, Hub.Files[Weights]) { CutAfter = 600_000 } : null;
        var error = await Assert.ThrowsAsync<HubException>(() => DownloadAsync());
        Assert.Contains("what came is kept", error.Message);
        Assert.False(File.Exists(Blob(Weights)));
        Assert.Null(new ModelHub(Options()).Find(FakeHub.Repository));
        var kept = new FileInfo(Blob(Weights) + ".incomplete").Length;
        Assert.InRange(kept, 1, 600_000);

        Hub.Fault = _ => null;
        Hub.Requests.Clear();
        await DownloadAsync();
        Assert.Equal(kept, Hub.Requests.Single(request => request.Path.EndsWith(Weights, StringComparison.Ordinal)).From);
        Assert.Equal(Hub.Files[Weights], File.ReadAllBytes(Blob(Weights)));
    }

    [Fact]
    public async Task A_server_without_ranges_sends_the_file_from_its_beginning()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Blob(Weights))!);
        File.WriteAllBytes(Blob(Weights) + ".incomplete", Hub.Files[Weights][..1000]);
        Hub.Fault = request => request.Path.EndsWith(Weights, StringComparison.Ordinal) ? new FakeAnswer(200, Hub.Files[Weights]) : null;
        await DownloadAsync();
        Assert.Equal(Hub.Files[Weights], File.ReadAllBytes(Blob(Weights)));
    }

    [Fact]
    public async Task A_server_without_ranges_that_never_comes_further_is_given_up()
    {
        var asked = 0;
        Hub.Fault = request => request.Path.EndsWith(Weights, StringComparison.Ordinal)
            ? new FakeAnswer(200, Hub.Files[Weights]) { CutAfter = asked++ % 2 == 0 ? 1_400_000 : 2_600_000 }
            : null;
        await Assert.ThrowsAsync<HubException>(() => DownloadAsync());
        Assert.InRange(asked, 3, 30);
    }

    [Theory]
    [InlineData(Weights)]
    [InlineData("config.json")]
    public async Task A_wrong_hash_never_gets_its_final_name(string name)
    {
        var wrong = Hub.Files[name].ToArray();
        wrong[^1] ^= 1;
        Hub.Fault = request => request.Path.EndsWith(name, StringComparison.Ordinal) ? new FakeAnswer(200, wrong) : null;
        var error = await Assert.ThrowsAsync<HubException>(() => DownloadAsync());
        Assert.Contains("hash", error.Message);
        Assert.DoesNotContain(Directory.GetFiles(RepositoryFolder, "*", SearchOption.AllDirectories), path => File.ReadAllBytes(path).AsSpan().SequenceEqual(wrong));
        Assert.False(File.Exists(Path.Combine(RepositoryFolder, "refs", "main")));
    }

    [Fact]
    public async Task A_damaged_part_of_an_earlier_run_is_fetched_again()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Blob(Weights))!);
        File.WriteAllBytes(Blob(Weights) + ".incomplete", new byte[5000]);
        await DownloadAsync();
        Assert.Equal(Hub.Files[Weights], File.ReadAllBytes(Blob(Weights)));
    }

    [Fact]
    public async Task A_longer_file_than_listed_is_refused()
    {
        Hub.Fault = request => request.Path.EndsWith(Weights, StringComparison.Ordinal) ? new FakeAnswer(200, [.. Hub.Files[Weights], 1]) : null;
        Assert.Contains("more than the 3,000,000 bytes", (await Assert.ThrowsAsync<HubException>(() => DownloadAsync())).Message);
        Assert.False(File.Exists(Blob(Weights)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_blob_that_was_deleted_is_missing_offline_and_fetched_again(bool withIndex)
    {
        if (!withIndex)
        {
            Hub.Files.Remove("model.safetensors.index.json");
        }

        await DownloadAsync();
        File.Delete(Blob(Weights));
        var error = await Assert.ThrowsAsync<HubException>(() => DownloadAsync(options: Options(offline: true)));
        Assert.Contains($"{Weights} is missing", error.Message);
        Assert.Single(CachedModels.List(Path.Combine(Folder.Path, "hub")));
        var model = await DownloadAsync();
        Assert.Equal(Hub.Files[Weights].Length, model.DownloadedBytes);
        Assert.Equal(Hub.Files[Weights], File.ReadAllBytes(Path.Combine(model.Folder, Weights)));
    }

    [Fact]
    public async Task Links_of_a_snapshot_that_run_in_circles_are_left_at_some_depth()
    {
        var model = await DownloadAsync();
        File.CreateSymbolicLink(Path.Combine(model.Folder, "one"), ".");
        File.CreateSymbolicLink(Path.Combine(model.Folder, "two"), ".");
        Assert.Contains("config.json", (await DownloadAsync(options: Options(offline: true))).Files);
    }

    [Fact]
    public async Task A_list_that_was_cut_is_asked_for_again()
    {
        Hub.Fault = _ => Hub.Requests.Count == 1 ? FakeAnswer.Text(200, Hub.Listing()) with { CutAfter = 30 } : null;
        await DownloadAsync();
    }

    [Fact]
    public async Task A_full_disk_is_told_before_the_first_byte()
    {
        var error = await Assert.ThrowsAsync<HubException>(() => DownloadAsync(options: Options(freeBytes: 3_000_000)));
        Assert.Contains("3.0 MB have to be fetched", error.Message);
        Assert.Single(Hub.Requests);
    }

    [Fact]
    public async Task Patterns_choose_the_files()
    {
        var model = await DownloadAsync(new DownloadRequest { Include = ["*.json", "original/"], Exclude = ["*.index.json"] });
        Assert.Equal(["config.json", "original/consolidated.00.pth"], model.Files.Order(StringComparer.Ordinal));
        Assert.Contains("No file of", (await Assert.ThrowsAsync<HubException>(() => DownloadAsync(new DownloadRequest { Include = ["*.bin"] }))).Message);
    }

    [Fact]
    public async Task A_repository_of_gguf_files_asks_which_one()
    {
        foreach (var name in Hub.Files.Keys.Where(name => name.EndsWith(".safetensors", StringComparison.Ordinal)).ToArray())
        {
            Hub.Files.Remove(name);
        }

        Hub.Files["guard.Q8_0.gguf"] = Bytes(10, 1);
        Assert.Contains("--include, such as guard.Q8_0.gguf", (await Assert.ThrowsAsync<HubException>(() => DownloadAsync())).Message);
    }

    [Fact]
    public async Task A_stopped_download_leaves_no_file_under_its_name()
    {
        using var stop = new CancellationTokenSource();
        var progress = new Notes { OnReport = value => { if (value.Done > 100_000) { stop.Cancel(); } } };
        using var hub = new ModelHub(Options());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => hub.DownloadAsync(FakeHub.Repository, progress: progress, cancellationToken: stop.Token));
        Assert.Null(hub.Find(FakeHub.Repository));
    }

    [Fact]
    public async Task Two_downloads_at_once_fetch_each_file_once()
    {
        await Task.WhenAll(DownloadAsync(), DownloadAsync());
        Assert.Single(Hub.Requests, request => request.Path.EndsWith(Weights, StringComparison.Ordinal));
    }

    [Fact]
    public void Many_that_link_the_same_file_do_not_disturb_each_other()
    {
        var (commit, file) = (new string('a', 40), new HubFile("config.json", 3, new string('b', 40)));
        for (var round = 0; round < 50; round++)
        {
            var cache = new HubCache(Path.Combine(Folder.Path, $"round-{round}"), RepositoryName.Parse(FakeHub.Repository));
            cache.CreateFolders();
            File.WriteAllBytes(cache.BlobPath(file), [1, 2, 3]);
            Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, _ => cache.Link(commit, file));
            Assert.Equal([Path.Combine(cache.Snapshot(commit), "config.json")], HubCache.FilesOf(cache.Snapshot(commit)));
        }
    }

    [Fact]
    public async Task A_server_that_falls_silent_is_given_up()
    {
        Hub.Fault = _ => new FakeAnswer(200, []) { IsSilent = true };
        var error = await Assert.ThrowsAsync<HubException>(() => DownloadAsync(options: Options(patience: TimeSpan.FromMilliseconds(20))));
        Assert.Contains("did not answer", error.Message);
    }

    [Theory]
    [InlineData("Llama-Guard-3-1B")]
    [InlineData("../x/y")]
    [InlineData("a/..")]
    [InlineData("a--b/c")]
    [InlineData("a/b/c")]
    public async Task A_name_that_is_no_repository_is_refused(string repository)
    {
        using var hub = new ModelHub(Options());
        await Assert.ThrowsAsync<HubException>(() => hub.DownloadAsync(repository));
        Assert.Empty(Hub.Requests);
    }

    [Theory]
    [InlineData("../../main")]
    [InlineData("a//b")]
    [InlineData("")]
    public async Task A_revision_that_leads_out_of_the_cache_is_refused(string revision) =>
        await Assert.ThrowsAsync<HubException>(() => DownloadAsync(new DownloadRequest { Revision = revision }));
}
