using System.Text;
using GuardSharp.Hub;

namespace GuardSharp.Tests.Hub;

public sealed class ModelHubTests : IAsyncDisposable
{
    private const string Weights = "model-00001-of-00002.safetensors";
    private readonly TemporaryFolder _folder = new();
    private readonly FakeHub _hub = new();

    public ModelHubTests()
    {
        _hub.Files["config.json"] = "{}"u8.ToArray();
        _hub.Files["model.safetensors.index.json"] = Encoding.UTF8.GetBytes($$$"""{"weight_map":{"a":"{{{Weights}}}","b":"model-00002-of-00002.safetensors"}}""");
        _hub.Files[Weights] = Bytes(3_000_000, 1);
        _hub.Files["model-00002-of-00002.safetensors"] = Bytes(5000, 2);
        _hub.Files["original/consolidated.00.pth"] = Bytes(10, 3);
    }

    private string RepositoryFolder => Path.Combine(_folder.Path, "hub", "models--meta-llama--Llama-Guard-Test");

    private string Blob(string name) => Path.Combine(RepositoryFolder, "blobs", FakeHub.Sha256(_hub.Files[name]));

    public async ValueTask DisposeAsync()
    {
        await _hub.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Files_arrive_in_the_layout_of_the_hubs_own_tools()
    {
        var model = await DownloadAsync();
        Assert.Equal(Path.Combine(RepositoryFolder, "snapshots", FakeHub.Commit), model.Folder);
        Assert.Equal(FakeHub.Commit, File.ReadAllText(Path.Combine(RepositoryFolder, "refs", "main")));
        Assert.Equal(_hub.Files[Weights], File.ReadAllBytes(Path.Combine(model.Folder, Weights)));
        Assert.Equal(Path.Combine("..", "..", "blobs", FakeHub.Sha256(_hub.Files[Weights])), new FileInfo(Path.Combine(model.Folder, Weights)).LinkTarget);
        Assert.Equal(Path.Combine("..", "..", "blobs", FakeHub.GitHash(_hub.Files["config.json"])), new FileInfo(Path.Combine(model.Folder, "config.json")).LinkTarget);
        Assert.DoesNotContain(model.Files, file => file.EndsWith(".pth", StringComparison.Ordinal));
        Assert.Empty(Directory.GetFiles(Path.Combine(RepositoryFolder, "blobs"), "*.incomplete"));
    }

    [Fact]
    public async Task What_is_in_the_cache_is_not_fetched_again_and_needs_no_network()
    {
        var first = await DownloadAsync();
        _hub.Requests.Clear();
        var second = await DownloadAsync();
        Assert.Equal((first.Folder, 0L), (second.Folder, second.DownloadedBytes));
        Assert.Single(_hub.Requests);

        _hub.Requests.Clear();
        var offline = await DownloadAsync(options: Options(offline: true));
        Assert.Equal((first.Folder, 0L), (offline.Folder, offline.DownloadedBytes));
        Assert.Equal(first.Files.Order(), offline.Files.Order());
        Assert.Empty(_hub.Requests);
    }

    [Fact]
    public async Task A_blob_that_another_tool_fetched_is_only_linked()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Blob(Weights))!);
        File.WriteAllBytes(Blob(Weights), _hub.Files[Weights]);
        await DownloadAsync();
        Assert.DoesNotContain(_hub.Requests, request => request.Path.EndsWith(Weights, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_cut_connection_goes_on_where_it_broke()
    {
        _hub.Fault = request => request.Path.EndsWith(Weights, StringComparison.Ordinal) && request.From == 0
            ? new FakeAnswer(200, _hub.Files[Weights]) { CutAfter = 1_234_567 }
            : null;
        var model = await DownloadAsync();
        Assert.Equal(_hub.Files[Weights], File.ReadAllBytes(Path.Combine(model.Folder, Weights)));
        var froms = _hub.Requests.Where(request => request.Path.EndsWith(Weights, StringComparison.Ordinal)).Select(request => request.From).ToList();
        Assert.Equal(2, froms.Count);
        Assert.InRange(froms[1], 1, 1_234_567);
        Assert.Equal(_hub.Files.Where(file => !file.Key.EndsWith(".pth", StringComparison.Ordinal)).Sum(file => file.Value.LongLength), model.DownloadedBytes);
    }

    [Fact]
    public async Task A_cut_file_of_an_earlier_run_is_resumed()
    {
        _hub.Fault = request => request.Path.EndsWith(Weights, StringComparison.Ordinal) ? new FakeAnswer(200, _hub.Files[Weights]) { CutAfter = 600_000 } : null;
        var error = await Assert.ThrowsAsync<HubException>(() => DownloadAsync());
        Assert.Contains("what came is kept", error.Message);
        Assert.False(File.Exists(Blob(Weights)));
        Assert.Null(new ModelHub(Options()).Find(FakeHub.Repository));
        var kept = new FileInfo(Blob(Weights) + ".incomplete").Length;
        Assert.InRange(kept, 1, 600_000);

        _hub.Fault = _ => null;
        _hub.Requests.Clear();
        await DownloadAsync();
        Assert.Equal(kept, _hub.Requests.Single(request => request.Path.EndsWith(Weights, StringComparison.Ordinal)).From);
        Assert.Equal(_hub.Files[Weights], File.ReadAllBytes(Blob(Weights)));
    }

    [Fact]
    public async Task A_server_without_ranges_sends_the_file_from_its_beginning()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Blob(Weights))!);
        File.WriteAllBytes(Blob(Weights) + ".incomplete", _hub.Files[Weights][..1000]);
        _hub.Fault = request => request.Path.EndsWith(Weights, StringComparison.Ordinal) ? new FakeAnswer(200, _hub.Files[Weights]) : null;
        await DownloadAsync();
        Assert.Equal(_hub.Files[Weights], File.ReadAllBytes(Blob(Weights)));
    }

    [Fact]
    public async Task A_server_without_ranges_that_never_comes_further_is_given_up()
    {
        var asked = 0;
        _hub.Fault = request => request.Path.EndsWith(Weights, StringComparison.Ordinal)
            ? new FakeAnswer(200, _hub.Files[Weights]) { CutAfter = asked++ % 2 == 0 ? 1_400_000 : 2_600_000 }
            : null;
        await Assert.ThrowsAsync<HubException>(() => DownloadAsync());
        Assert.InRange(asked, 3, 30);
    }

    [Theory]
    [InlineData(Weights)]
    [InlineData("config.json")]
    public async Task A_wrong_hash_never_gets_its_final_name(string name)
    {
        var wrong = _hub.Files[name].ToArray();
        wrong[^1] ^= 1;
        _hub.Fault = request => request.Path.EndsWith(name, StringComparison.Ordinal) ? new FakeAnswer(200, wrong) : null;
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
        Assert.Equal(_hub.Files[Weights], File.ReadAllBytes(Blob(Weights)));
    }

    [Fact]
    public async Task A_longer_file_than_listed_is_refused()
    {
        _hub.Fault = request => request.Path.EndsWith(Weights, StringComparison.Ordinal) ? new FakeAnswer(200, [.. _hub.Files[Weights], 1]) : null;
        Assert.Contains("more than the 3,000,000 bytes", (await Assert.ThrowsAsync<HubException>(() => DownloadAsync())).Message);
        Assert.False(File.Exists(Blob(Weights)));
    }

    [Theory]
    [InlineData(401, "GatedRepo", null, "access is gated. Log in at {page}, accept the licence, then set HF_TOKEN")]
    [InlineData(403, "GatedRepo", "hf_secret", "Accept the licence at {page} with the account of your token")]
    [InlineData(401, null, null, "it may be gated, private or misspelt. Log in at {page}")]
    [InlineData(401, null, "hf_secret", "does not accept the access token")]
    [InlineData(404, "RepoNotFound", "hf_secret", "is not there, or not at revision \"main\". Look at {page}")]
    [InlineData(404, "RevisionNotFound", null, "there is no revision \"main\"")]
    [InlineData(418, null, null, "answered 418")]
    public async Task What_a_person_must_do_is_said_with_the_page(int status, string? code, string? token, string saying)
    {
        _hub.Fault = _ => new FakeAnswer(status, []) { Headers = code is null ? [] : new() { ["X-Error-Code"] = code } };
        var error = await Assert.ThrowsAsync<HubException>(() => DownloadAsync(options: Options(token: token)));
        Assert.Contains(saying.Replace("{page}", $"{_hub.Address}{FakeHub.Repository}", StringComparison.Ordinal), error.Message);
        Assert.DoesNotContain("hf_secret", error.ToString());
        Assert.Single(_hub.Requests);
    }

    [Fact]
    public async Task A_gated_file_is_refused_like_a_gated_repository()
    {
        _hub.Fault = request => request.Path.Contains("/resolve/", StringComparison.Ordinal) ? new FakeAnswer(401, []) { Headers = { ["X-Error-Code"] = "GatedRepo" } } : null;
        Assert.Contains("access is gated", (await Assert.ThrowsAsync<HubException>(() => DownloadAsync())).Message);
        Assert.Empty(Directory.GetFiles(Path.Combine(RepositoryFolder, "blobs")));
    }

    [Fact]
    public async Task A_busy_hub_is_asked_again_when_it_says()
    {
        var notes = new Notes();
        _hub.Fault = _ => _hub.Requests.Count == 1 ? new FakeAnswer(429, []) { Headers = { ["Retry-After"] = "1" } } : null;
        var start = TimeProvider.System.GetTimestamp();
        await DownloadAsync(progress: notes);
        // The clock of the wait and that of the test differ by less than a tenth of a second.
        Assert.True(TimeProvider.System.GetElapsedTime(start) >= TimeSpan.FromSeconds(0.9));
        Assert.Contains(notes.Texts, note => note.Contains("answered 429; trying again in 1 s", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_wait_of_hours_is_left_to_a_person()
    {
        _hub.Fault = _ => new FakeAnswer(429, []) { Headers = { ["Retry-After"] = "7200" } };
        Assert.Contains("asks to wait 120 minutes", (await Assert.ThrowsAsync<HubException>(() => DownloadAsync())).Message);
    }

    [Fact]
    public async Task A_server_that_fails_is_asked_six_times()
    {
        _hub.Fault = _ => new FakeAnswer(503, []);
        Assert.Contains("Tried 6 times", (await Assert.ThrowsAsync<HubException>(() => DownloadAsync())).Message);
        Assert.Equal(6, _hub.Requests.Count);
    }

    [Fact]
    public async Task A_redirect_to_another_host_does_not_carry_the_token()
    {
        await using var store = new FakeHub();
        store.Fault = request => new FakeAnswer(200, _hub.Files[Path.GetFileName(request.Path)]);
        _hub.Fault = request => request.Path.Contains("/resolve/", StringComparison.Ordinal)
            ? new FakeAnswer(302, []) { Headers = { ["Location"] = new Uri(store.Address, Path.GetFileName(request.Path)).ToString() } }
            : null;
        var model = await DownloadAsync(options: Options(token: "hf_secret"));
        Assert.Equal(_hub.Files[Weights], File.ReadAllBytes(Path.Combine(model.Folder, Weights)));
        Assert.All(_hub.Requests, request => Assert.Equal("Bearer hf_secret", request.Token));
        Assert.NotEmpty(store.Requests);
        Assert.All(store.Requests, request => Assert.DoesNotContain(request.Headers, header => header.Value.Contains("hf_secret", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_renamed_repository_is_followed_with_the_token()
    {
        _hub.Fault = request => request.Path.StartsWith("/api/models/", StringComparison.Ordinal) && !request.Path.Contains("new", StringComparison.Ordinal)
            ? new FakeAnswer(307, []) { Headers = { ["Location"] = "/api/models/meta-llama/new/revision/main?blobs=true" } }
            : request.Path.Contains("/new/", StringComparison.Ordinal) ? FakeAnswer.Text(200, _hub.Listing()) : null;
        await DownloadAsync(options: Options(token: "hf_secret"));
        Assert.Equal("Bearer hf_secret", _hub.Requests.ElementAt(1).Token);
    }

    [Fact]
    public async Task Redirects_in_a_circle_end()
    {
        _hub.Fault = request => new FakeAnswer(302, []) { Headers = { ["Location"] = request.Path } };
        Assert.Contains("redirected more than 10 times", (await Assert.ThrowsAsync<HubException>(() => DownloadAsync())).Message);
    }

    [Theory]
    [InlineData("../evil.json")]
    [InlineData("a/../../evil.json")]
    [InlineData("/etc/evil.json")]
    [InlineData("C:evil.json")]
    [InlineData("..\\\\evil.json")]
    [InlineData("a//evil.json")]
    [InlineData("a/. /evil.json")]
    [InlineData("")]
    [InlineData("evil\\u0000.json")]
    public async Task A_name_that_leads_out_of_the_folder_stops_everything(string name)
    {
        _hub.Fault = request => request.Path.StartsWith("/api/", StringComparison.Ordinal) ? FakeAnswer.Text(200, _hub.Listing(old => old == "config.json" ? name : old)) : null;
        Assert.Contains("which is no path inside a folder", (await Assert.ThrowsAsync<HubException>(() => DownloadAsync())).Message);
        Assert.Single(_hub.Requests);
        Assert.False(Directory.Exists(Path.Combine(_folder.Path, "hub")));
    }

    [Theory]
    [InlineData("""{"sha":"../../0123456789abcdef0123456789abcdef0123","siblings":[]}""", "holds no commit")]
    [InlineData("""[1]""", "holds no commit")]
    [InlineData("""{"sha":"0123456789abcdef0123456789abcdef01234567","siblings":[{"rfilename":"a.json"}]}""", "gives no possible size and hash")]
    [InlineData("""{"sha":"\udc00","siblings":[]}""", "holds no commit")]
    [InlineData("""{"sha":"0123456789abcdef0123456789abcdef01234567","siblings":[{"rfilename":"\ud800.json","size":1}]}""", "which is no path inside a folder")]
    [InlineData("""{"sha":"0123456789abcdef0123456789abcdef01234567","siblings":[]}""", "holds no files")]
    [InlineData("""{"sha":"0123456789abcdef0123456789abcdef01234567","siblings":[{"rfilename":"a.json","size":9223372036854775807,"blobId":"0123456789abcdef0123456789abcdef01234567"}]}""", "gives no possible size and hash")]
    [InlineData("""{"sha":"0123456789abcdef0123456789abcdef01234567","siblings":[{"rfilename":"a.json","size":1,"blobId":"../../../../../../../../../../../../../x"}]}""", "gives no possible size and hash")]
    [InlineData("""{"sha":"0123456789abcdef01234""", "is not JSON")]
    public async Task A_list_that_is_none_is_refused(string json, string saying)
    {
        _hub.Fault = _ => FakeAnswer.Text(200, json);
        Assert.Contains(saying, (await Assert.ThrowsAsync<HubException>(() => DownloadAsync())).Message);
    }

    [Fact]
    public async Task A_redirect_to_no_address_is_refused()
    {
        _hub.Fault = _ => new FakeAnswer(302, []) { Headers = { ["Location"] = "//" } };
        Assert.Contains("only https is followed", (await Assert.ThrowsAsync<HubException>(() => DownloadAsync())).Message);
    }

    [Fact]
    public async Task A_list_that_comes_in_part_is_asked_for_again()
    {
        _hub.Fault = _ => _hub.Requests.Count == 1 ? FakeAnswer.Text(206, _hub.Listing()) : null;
        await DownloadAsync();
        Assert.Equal(2, _hub.Requests.Count(request => request.Path.StartsWith("/api/", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_blob_that_was_deleted_is_missing_offline_and_fetched_again(bool withIndex)
    {
        if (!withIndex)
        {
            _hub.Files.Remove("model.safetensors.index.json");
        }

        await DownloadAsync();
        File.Delete(Blob(Weights));
        var error = await Assert.ThrowsAsync<HubException>(() => DownloadAsync(options: Options(offline: true)));
        Assert.Contains($"{Weights} is missing", error.Message);
        Assert.Single(CachedModels.List(Path.Combine(_folder.Path, "hub")));
        var model = await DownloadAsync();
        Assert.Equal(_hub.Files[Weights].Length, model.DownloadedBytes);
        Assert.Equal(_hub.Files[Weights], File.ReadAllBytes(Path.Combine(model.Folder, Weights)));
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
        _hub.Fault = _ => _hub.Requests.Count == 1 ? FakeAnswer.Text(200, _hub.Listing()) with { CutAfter = 30 } : null;
        await DownloadAsync();
    }

    [Fact]
    public async Task A_full_disk_is_told_before_the_first_byte()
    {
        var error = await Assert.ThrowsAsync<HubException>(() => DownloadAsync(options: Options(freeBytes: 3_000_000)));
        Assert.Contains("3.0 MB have to be fetched", error.Message);
        Assert.Single(_hub.Requests);
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
        foreach (var name in _hub.Files.Keys.Where(name => name.EndsWith(".safetensors", StringComparison.Ordinal)).ToArray())
        {
            _hub.Files.Remove(name);
        }

        _hub.Files["guard.Q8_0.gguf"] = Bytes(10, 1);
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
        Assert.Single(_hub.Requests, request => request.Path.EndsWith(Weights, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_server_that_falls_silent_is_given_up()
    {
        _hub.Fault = _ => new FakeAnswer(200, []) { IsSilent = true };
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
        Assert.Empty(_hub.Requests);
    }

    [Theory]
    [InlineData("../../main")]
    [InlineData("a//b")]
    [InlineData("")]
    public async Task A_revision_that_leads_out_of_the_cache_is_refused(string revision) =>
        await Assert.ThrowsAsync<HubException>(() => DownloadAsync(new DownloadRequest { Revision = revision }));

    private static byte[] Bytes(int count, int seed)
    {
        var bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private HubOptions Options(string? token = null, bool offline = false, long freeBytes = long.MaxValue, TimeSpan? patience = null) => new()
    {
        Endpoint = _hub.Address,
        CacheFolder = Path.Combine(_folder.Path, "hub"),
        Token = token,
        Offline = offline,
        RetryDelay = TimeSpan.FromMilliseconds(1),
        Patience = patience ?? TimeSpan.FromSeconds(20),
        FreeBytes = _ => freeBytes,
    };

    private async Task<DownloadedModel> DownloadAsync(DownloadRequest? request = null, HubOptions? options = null, IProgress<DownloadProgress>? progress = null)
    {
        using var hub = new ModelHub(options ?? Options());
        return await hub.DownloadAsync(FakeHub.Repository, request, progress, TestContext.Current.CancellationToken);
    }

    private sealed class Notes : IProgress<DownloadProgress>
    {
        public List<string> Texts { get; } = [];

        public Action<DownloadProgress> OnReport { get; init; } = _ => { };

        public void Report(DownloadProgress value)
        {
            OnReport(value);
            if (value.Note is { } note)
            {
                lock (Texts)
                {
                    Texts.Add(note);
                }
            }
        }
    }
}
