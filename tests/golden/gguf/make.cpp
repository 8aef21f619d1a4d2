// Makes the fixtures of this folder with llama.cpp's own library: quantised files, their logits, and hashes of their dequantised tensors.
// Usage: make quantize f16.gguf out.gguf FTYPE | make logits file.gguf out.f32 ID... | make tensors file.gguf
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "ggml-backend.h"
#include "ggml.h"
#include "gguf.h"
#include "llama.h"

// FNV-1a, 64 bits, over the bytes of the numbers.
static uint64_t hash(const std::vector<float> & values) {
    uint64_t h = 14695981039346656037ull;
    const auto * bytes = reinterpret_cast<const unsigned char *>(values.data());
    for (size_t i = 0; i < values.size() * sizeof(float); i++) {
        h = (h ^ bytes[i]) * 1099511628211ull;
    }
    return h;
}

static int quantize(const char * in, const char * out, int type) {
    auto params = llama_model_quantize_default_params();
    params.ftype = static_cast<llama_ftype>(type);
    params.nthread = 1;
    // To F32 (0): llama.cpp's own way back from the blocks.
    params.allow_requantize = type == 0;
    return static_cast<int>(llama_model_quantize(in, out, &params));
}

static int tensors(const char * path) {
    ggml_context * context = nullptr;
    gguf_init_params params = { false, &context };
    gguf_context * file = gguf_init_from_file(path, params);
    if (!file) {
        return 1;
    }
    for (int64_t i = 0; i < gguf_get_n_tensors(file); i++) {
        const char * name = gguf_get_tensor_name(file, i);
        ggml_tensor * tensor = ggml_get_tensor(context, name);
        std::vector<float> values(ggml_nelements(tensor));
        if (tensor->type == GGML_TYPE_F32) {
            memcpy(values.data(), tensor->data, values.size() * sizeof(float));
        } else {
            ggml_get_type_traits(tensor->type)->to_float(tensor->data, values.data(), (int64_t) values.size());
        }
        printf("%s %s %016llx\n", name, ggml_type_name(tensor->type), (unsigned long long) hash(values));
    }
    return 0;
}

static int logits(const char * path, const char * out, std::vector<llama_token> ids) {
    auto model_params = llama_model_default_params();
    llama_model * model = llama_model_load_from_file(path, model_params);
    if (!model) {
        return 1;
    }
    auto params = llama_context_default_params();
    params.n_ctx = 512;
    params.n_threads = params.n_threads_batch = 1;
    params.type_k = params.type_v = GGML_TYPE_F32;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    llama_context * context = llama_init_from_model(model, params);
    llama_batch batch = llama_batch_init((int32_t) ids.size(), 0, 1);
    for (size_t i = 0; i < ids.size(); i++) {
        batch.token[i] = ids[i];
        batch.pos[i] = (llama_pos) i;
        batch.n_seq_id[i] = 1;
        batch.seq_id[i][0] = 0;
        batch.logits[i] = 1;
    }
    batch.n_tokens = (int32_t) ids.size();
    if (!context || llama_decode(context, batch) != 0) {
        return 2;
    }
    const int vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model));
    FILE * file = fopen(out, "wb");
    for (size_t i = 0; i < ids.size(); i++) {
        fwrite(llama_get_logits_ith(context, (int32_t) i), sizeof(float), vocabulary, file);
    }
    fclose(file);
    return 0;
}

int main(int count, char ** args) {
    ggml_backend_load_all_from_path(getenv("GGML_BACKENDS"));
    llama_backend_init();
    const std::string what = count > 2 ? args[1] : "";
    if (what == "quantize") return quantize(args[2], args[3], atoi(args[4]));
    if (what == "tensors") return tensors(args[2]);
    if (what == "logits") {
        std::vector<llama_token> ids;
        for (int i = 4; i < count; i++) ids.push_back(atoi(args[i]));
        return logits(args[2], args[3], ids);
    }
    return 64;
}
