using System.Text.Json;
using GuardSharp.Checkpoints;
using Polly;
using Polly.Retry;

namespace GuardSharp.Hub;

/// <summary>What is wanted of a repository.</summary>
public sealed record DownloadRequest
{
    /// <summary>Branch, tag or commit.</summary>
    public string Revision { get; init; } = "main";

    /// <summary>Patterns of the files to fetch, with * and ?; empty: what GuardSharp reads.</summary>
    public IReadOnlyList<string> Include { get; init; } = [];

    /// <summary>Patterns of files to leave out.</summary>
    public IReadOnlyList<string> Exclude { get; init; } = [];
}

/// <summary>A model in the cache.</summary>
/// <param name="Folder">The folder to load the model from.</param>
/// <param name="Commit">The commit its files are of.</param>
/// <param name="Files">Paths of the wanted files in the folder; offline, of all files that are there.</param>
/// <param name="DownloadedBytes">Bytes that had to be fetched.</param>
public sealed record DownloadedModel(string Folder, string Commit, IReadOnlyList<string> Files, long DownloadedBytes);

/// <summary>How far a download is.</summary>
/// <param name="Done">Bytes fetched by this run.</param>
/// <param name="Total">Bytes this run has to fetch.</param>
/// <param name="Note">What a person should know, such as a wait the hub asked for; usually null.</param>
public sealed record DownloadProgress(long Done, long Total, string? Note = null);

/// <summary>Downloads model folders from the Hugging Face hub into its shared cache.</summary>
/// <remarks>Safe from any thread. Protocol and layout: docs/sources.md#hub.</remarks>
public sealed class ModelHub : IDisposable
{
    // The listing of the largest repositories is some hundred kilobytes.
    private const int MaxListingBytes = 32 << 20;

    private const int MaxRetries = 5;

    private readonly HubOptions _options;
    private readonly HubHttp _http;

    /// <summary>Opens the hub; nothing is sent yet.</summary>
    /// <param name="options">Null: what the environment says.</param>
    /// <exception cref="HubException">The options contradict each other.</exception>
    public ModelHub(HubOptions? options = null)
    {
        _options = options ?? HubOptions.FromEnvironment();
        _options.Check();
        _http = new HubHttp(_options);
    }

    /// <summary>Fetches the files of a model that are not in the cache yet.</summary>
    /// <param name="repository">Such as <c>meta-llama/Llama-Guard-4-12B</c>.</param>
    /// <param name="request">Revision and files; null: all that GuardSharp reads, of the main branch.</param>
    /// <param name="progress">Told as bytes come in; from several threads.</param>
    /// <param name="cancellationToken">Stops; what came stays in the cache under another name, and the next run goes on from there.</param>
    /// <exception cref="HubException">Gated, absent, unreachable, damaged, or no room on the disk. The message says what to do.</exception>
    public async Task<DownloadedModel> DownloadAsync(
        string repository, DownloadRequest? request = null, IProgress<DownloadProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(repository);
        request ??= new DownloadRequest();
        var name = RepositoryName.Parse(repository);
        CheckRevision(request.Revision);
        var cache = new HubCache(_options.CacheFolder, name);
        if (_options.Offline)
        {
            return Offline(cache, name, request);
        }

        var meter = new Meter(progress);
        try
        {
            return await DownloadAsync(cache, name, request, meter, cancellationToken).ConfigureAwait(false);
        }
        catch (TransientFailure failure)
        {
            var remedy = cache.Find(request.Revision) is null ? "" : " An earlier download is in the cache: --offline uses it.";
            throw new HubException($"{name.Text}: {failure.Message}. Tried {MaxRetries + 1} times; what came is kept, so try again later.{remedy}", failure);
        }
        catch (Exception error) when (error is UnauthorizedAccessException or IOException)
        {
            throw new HubException($"{_options.CacheFolder}: cannot be written: {error.Message} Choose another folder with --cache or HF_HUB_CACHE.", error);
        }
    }

    /// <summary>The folder of a model that was fetched before; null: it is not in the cache.</summary>
    /// <exception cref="HubException">The name is none.</exception>
    public string? Find(string repository, string revision = "main")
    {
        ArgumentNullException.ThrowIfNull(repository);
        CheckRevision(revision);
        return new HubCache(_options.CacheFolder, RepositoryName.Parse(repository)).Find(revision);
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task<DownloadedModel> DownloadAsync(
        HubCache cache, RepositoryName name, DownloadRequest request, Meter meter, CancellationToken cancellationToken)
    {
        var attempts = Attempts(meter);
        var listing = await attempts.ExecuteAsync(token => ListAsync(name, request.Revision, token), cancellationToken).ConfigureAwait(false);
        var files = new FileSelection(request.Include, request.Exclude).Choose(listing, name.Text);
        // Two files of one content are one blob.
        var wanted = files.Where(file => !cache.Has(listing.Commit, file)).DistinctBy(file => file.Hash).OrderByDescending(file => file.Size).ToList();
        meter.Total = wanted.Sum(file => file.Size - cache.PartialBytes(file));
        RequireRoom(name, meter.Total);
        cache.CreateFolders();
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = _options.Connections, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(wanted, parallel, async (file, token) =>
        {
            using var alone = await cache.LockAsync(file, token).ConfigureAwait(false);
            if (cache.Has(listing.Commit, file))
            {
                return;
            }

            var subject = new HubSubject(name, request.Revision, file.Path);
            using var download = new BlobDownload(_http, attempts, subject, file, cache.PartialPath(file), meter.Add);
            await download.RunAsync(FileAddress(name, listing.Commit, file.Path), cache.BlobPath(file), token).ConfigureAwait(false);
        }).ConfigureAwait(false);

        foreach (var file in files)
        {
            cache.Link(listing.Commit, file);
        }

        cache.WriteRef(request.Revision, listing.Commit);
        return new DownloadedModel(cache.Snapshot(listing.Commit), listing.Commit, [.. files.Select(file => file.Path)], meter.Done);
    }

    private async ValueTask<HubListing> ListAsync(RepositoryName name, string revision, CancellationToken cancellationToken)
    {
        var address = new Uri(_options.Endpoint, $"api/models/{name.Text}/revision/{Uri.EscapeDataString(revision)}?blobs=true");
        using var response = await _http.GetAsync(new HubSubject(name, revision, null), address, 0, cancellationToken).ConfigureAwait(false);
        if (response.StatusCode != System.Net.HttpStatusCode.OK)
        {
            throw new TransientFailure($"the hub answered {(int)response.StatusCode} where its whole list of files was asked for");
        }

        var body = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        using var content = new MemoryStream();
        var buffer = new byte[1 << 16];
        int count;
        while ((count = await _http.ReadAsync(body, buffer, cancellationToken).ConfigureAwait(false)) > 0)
        {
            content.Write(buffer, 0, count);
            if (content.Length > MaxListingBytes)
            {
                throw new HubException($"{name.Text}: the hub's list of files exceeds {MaxListingBytes >> 20} MiB. Is HF_ENDPOINT a hub?");
            }
        }

        try
        {
            return HubListing.Parse(content.GetBuffer().AsMemory(0, (int)content.Length), name.Text);
        }
        catch (JsonException error)
        {
            throw new TransientFailure($"the hub's list of files is not JSON ({error.Message})", innerException: error);
        }
    }

    private DownloadedModel Offline(HubCache cache, RepositoryName name, DownloadRequest request)
    {
        var folder = cache.Find(request.Revision) ?? throw new HubException(
            $"{name.Text} at \"{request.Revision}\" is not in the cache {_options.CacheFolder}, and nothing is fetched offline. Download it once without --offline and HF_HUB_OFFLINE.");
        var index = Path.Combine(folder, ShardIndex.FileName);
        var missing = HubCache.IsThere(index) ? ShardIndex.Read(index).Values.Distinct().FirstOrDefault(shard => !HubCache.IsThere(Path.Combine(folder, shard))) : null;
        // A link whose blob was deleted leads nowhere.
        missing ??= HubCache.FilesOf(folder).Where(path => !HubCache.IsThere(path)).Select(path => Path.GetRelativePath(folder, path)).FirstOrDefault();
        if (missing is not null && request.Include.Count == 0)
        {
            throw new HubException($"{folder}: {missing} is missing, and nothing is fetched offline. Download the rest without --offline and HF_HUB_OFFLINE.");
        }

        var files = HubCache.FilesOf(folder).Where(HubCache.IsThere).Select(path => Path.GetRelativePath(folder, path).Replace('\\', '/'));
        return new DownloadedModel(folder, Path.GetFileName(folder), [.. files.Order(StringComparer.Ordinal)], 0);
    }

    private ResiliencePipeline Attempts(Meter meter) => new ResiliencePipelineBuilder().AddRetry(new RetryStrategyOptions
    {
        ShouldHandle = new PredicateBuilder().Handle<TransientFailure>(),
        MaxRetryAttempts = MaxRetries,
        Delay = _options.RetryDelay,
        MaxDelay = TimeSpan.FromSeconds(30),
        BackoffType = DelayBackoffType.Exponential,
        UseJitter = true,
        DelayGenerator = arguments => ValueTask.FromResult((arguments.Outcome.Exception as TransientFailure)?.Wait),
        OnRetry = arguments =>
        {
            meter.Say($"{arguments.Outcome.Exception?.Message}; trying again in {arguments.RetryDelay.TotalSeconds:F0} s");
            return ValueTask.CompletedTask;
        },
    }).Build();

    private void RequireRoom(RepositoryName name, long bytes)
    {
        var free = _options.FreeBytes(_options.CacheFolder);
        if (bytes > free)
        {
            throw new HubException($"{name.Text}: {DiskSpace.Show(bytes)} have to be fetched, but the disk of {_options.CacheFolder} has {DiskSpace.Show(free)} free. "
                + "Make room, choose another folder with --cache or HF_HUB_CACHE, or fewer files with --include.");
        }
    }

    private Uri FileAddress(RepositoryName name, string commit, string path) =>
        new(_options.Endpoint, $"{name.Text}/resolve/{commit}/{string.Join('/', path.Split('/').Select(Uri.EscapeDataString))}");

    // A revision becomes a path in the cache.
    private static void CheckRevision(string revision)
    {
        var isSafe = revision.Length is > 0 and <= 256 && revision.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.' or '/')
            && revision.Split('/').All(part => part.Length > 0 && part.Trim('.').Length > 0);
        if (!isSafe)
        {
            throw new HubException($"\"{Printable.Of(revision)}\" is no revision; it must be a branch, a tag or a commit of 40 digits, such as main.");
        }
    }

    // Counts over all files.
    private sealed class Meter(IProgress<DownloadProgress>? progress)
    {
        private long _done;

        public long Total { get; set; }

        public long Done => Interlocked.Read(ref _done);

        public void Add(long bytes)
        {
            var done = Interlocked.Add(ref _done, bytes);
            progress?.Report(new DownloadProgress(done, Total));
        }

        public void Say(string note) => progress?.Report(new DownloadProgress(Done, Total, note));
    }
}
