using System.Text;
using GuardSharp.Hub;

namespace GuardSharp.Tests.Hub;

/// <summary>A played hub with one repository, and an empty cache.</summary>
public abstract class HubTests : IAsyncDisposable
{
    private protected const string Weights = "model-00001-of-00002.safetensors";
    private protected TemporaryFolder Folder { get; } = new();
    private protected FakeHub Hub { get; } = new();

    protected HubTests()
    {
        Hub.Files["config.json"] = "{}"u8.ToArray();
        Hub.Files["model.safetensors.index.json"] = Encoding.UTF8.GetBytes($$$"""{"weight_map":{"a":"{{{Weights}}}","b":"model-00002-of-00002.safetensors"}}""");
        Hub.Files[Weights] = Bytes(3_000_000, 1);
        Hub.Files["model-00002-of-00002.safetensors"] = Bytes(5000, 2);
        Hub.Files["original/consolidated.00.pth"] = Bytes(10, 3);
    }

    private protected string RepositoryFolder => Path.Combine(Folder.Path, "hub", "models--meta-llama--Llama-Guard-Test");

    private protected string Blob(string name) => Path.Combine(RepositoryFolder, "blobs", FakeHub.Sha256(Hub.Files[name]));

    public async ValueTask DisposeAsync()
    {
        await Hub.DisposeAsync();
        Folder.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected static byte[] Bytes(int count, int seed)
    {
        var bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private protected HubOptions Options(string? token = null, bool offline = false, long freeBytes = long.MaxValue, TimeSpan? patience = null) => new()
    {
        Endpoint = Hub.Address,
        CacheFolder = Path.Combine(Folder.Path, "hub"),
        Token = token,
        Offline = offline,
        RetryDelay = TimeSpan.FromMilliseconds(1),
        Patience = patience ?? TimeSpan.FromSeconds(20),
        FreeBytes = _ => freeBytes,
    };

    private protected async Task<DownloadedModel> DownloadAsync(DownloadRequest? request = null, HubOptions? options = null, IProgress<DownloadProgress>? progress = null)
    {
        using var hub = new ModelHub(options ?? Options());
        return await hub.DownloadAsync(FakeHub.Repository, request, progress, TestContext.Current.CancellationToken);
    }

    private protected sealed class Notes : IProgress<DownloadProgress>
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
