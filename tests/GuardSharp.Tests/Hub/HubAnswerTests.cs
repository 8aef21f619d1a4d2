namespace GuardSharp.Tests.Hub;

/// <summary>What the hub may answer instead of a file: refusals, waits, redirects, lists that are none.</summary>
public sealed class HubAnswerTests : HubTests
{
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
        Hub.Fault = _ => new FakeAnswer(status, []) { Headers = code is null ? [] : new() { ["X-Error-Code"] = code } };
        var error = await Assert.ThrowsAsync<HubException>(() => DownloadAsync(options: Options(token: token)));
        Assert.Contains(saying.Replace("{page}", $"{Hub.Address}{FakeHub.Repository}", StringComparison.Ordinal), error.Message);
        Assert.DoesNotContain("hf_secret", error.ToString());
        Assert.Single(Hub.Requests);
    }

    [Fact]
    public async Task A_gated_file_is_refused_like_a_gated_repository()
    {
        Hub.Fault = request => request.Path.Contains("/resolve/", StringComparison.Ordinal) ? new FakeAnswer(401, []) { Headers = { ["X-Error-Code"] = "GatedRepo" } } : null;
        Assert.Contains("access is gated", (await Assert.ThrowsAsync<HubException>(() => DownloadAsync())).Message);
        Assert.Empty(Directory.GetFiles(Path.Combine(RepositoryFolder, "blobs")));
    }

    [Fact]
    public async Task A_busyHub_is_asked_again_when_it_says()
    {
        var notes = new Notes();
        Hub.Fault = _ => Hub.Requests.Count == 1 ? new FakeAnswer(429, []) { Headers = { ["Retry-After"] = "1" } } : null;
        var start = TimeProvider.System.GetTimestamp();
        await DownloadAsync(progress: notes);
        // The clock of the wait and that of the test differ by less than a tenth of a second.
        Assert.True(TimeProvider.System.GetElapsedTime(start) >= TimeSpan.FromSeconds(0.9));
        Assert.Contains(notes.Texts, note => note.Contains("answered 429; trying again in 1 s", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_wait_of_hours_is_left_to_a_person()
    {
        Hub.Fault = _ => new FakeAnswer(429, []) { Headers = { ["Retry-After"] = "7200" } };
        Assert.Contains("asks to wait 120 minutes", (await Assert.ThrowsAsync<HubException>(() => DownloadAsync())).Message);
    }

    [Fact]
    public async Task A_server_that_fails_is_asked_six_times()
    {
        Hub.Fault = _ => new FakeAnswer(503, []);
        Assert.Contains("Tried 6 times", (await Assert.ThrowsAsync<HubException>(() => DownloadAsync())).Message);
        Assert.Equal(6, Hub.Requests.Count);
    }

    [Fact]
    public async Task A_redirect_to_another_host_does_not_carry_the_token()
    {
        await using var store = new FakeHub();
        store.Fault = request => new FakeAnswer(200, Hub.Files[Path.GetFileName(request.Path)]);
        Hub.Fault = request => request.Path.Contains("/resolve/", StringComparison.Ordinal)
            ? new FakeAnswer(302, []) { Headers = { ["Location"] = new Uri(store.Address, Path.GetFileName(request.Path)).ToString() } }
            : null;
        var model = await DownloadAsync(options: Options(token: "hf_secret"));
        Assert.Equal(Hub.Files[Weights], File.ReadAllBytes(Path.Combine(model.Folder, Weights)));
        Assert.All(Hub.Requests, request => Assert.Equal("Bearer hf_secret", request.Token));
        Assert.NotEmpty(store.Requests);
        Assert.All(store.Requests, request => Assert.DoesNotContain(request.Headers, header => header.Value.Contains("hf_secret", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_renamed_repository_is_followed_with_the_token()
    {
        Hub.Fault = request => request.Path.StartsWith("/api/models/", StringComparison.Ordinal) && !request.Path.Contains("new", StringComparison.Ordinal)
            ? new FakeAnswer(307, []) { Headers = { ["Location"] = "/api/models/meta-llama/new/revision/main?blobs=true" } }
            : request.Path.Contains("/new/", StringComparison.Ordinal) ? FakeAnswer.Text(200, Hub.Listing()) : null;
        await DownloadAsync(options: Options(token: "hf_secret"));
        Assert.Equal("Bearer hf_secret", Hub.Requests.ElementAt(1).Token);
    }

    [Fact]
    public async Task Redirects_in_a_circle_end()
    {
        Hub.Fault = request => new FakeAnswer(302, []) { Headers = { ["Location"] = request.Path } };
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
    public async Task A_name_that_leads_out_of_theFolder_stops_everything(string name)
    {
        Hub.Fault = request => request.Path.StartsWith("/api/", StringComparison.Ordinal) ? FakeAnswer.Text(200, Hub.Listing(old => old == "config.json" ? name : old)) : null;
        Assert.Contains("which is no path inside a folder", (await Assert.ThrowsAsync<HubException>(() => DownloadAsync())).Message);
        Assert.Single(Hub.Requests);
        Assert.False(Directory.Exists(Path.Combine(Folder.Path, "hub")));
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
        Hub.Fault = _ => FakeAnswer.Text(200, json);
        Assert.Contains(saying, (await Assert.ThrowsAsync<HubException>(() => DownloadAsync())).Message);
    }

    [Fact]
    public async Task A_redirect_to_no_address_is_refused()
    {
        Hub.Fault = _ => new FakeAnswer(302, []) { Headers = { ["Location"] = "//" } };
        Assert.Contains("only https is followed", (await Assert.ThrowsAsync<HubException>(() => DownloadAsync())).Message);
    }

    [Fact]
    public async Task A_list_that_comes_in_part_is_asked_for_again()
    {
        Hub.Fault = _ => Hub.Requests.Count == 1 ? FakeAnswer.Text(206, Hub.Listing()) : null;
        await DownloadAsync();
        Assert.Equal(2, Hub.Requests.Count(request => request.Path.StartsWith("/api/", StringComparison.Ordinal)));
    }
}
